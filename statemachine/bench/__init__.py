"""How fast, how large, how flat in age: the engine against its peers and against the least that anybody could do.

`statemachine bench` runs it. Engines run in processes of their own, taking turns within one run, because figures from
this machine an hour apart say less than a ratio from the same second.
"""
