"""Between bytes and the core's records: the wire's JSON, HTTP as data, snapshots, traces.

Nothing else imports cattrs.
"""
