"""The named functions in the tables' rows: guards (`-> bool`), actions (`-> None`) and makers (`-> a state`).

Each takes the draft and the payload of the event. They hold the arithmetic; *when* they run stands in the tables only.
"""

from . import conversation, ephemeral, memory, opening, outgoing, participants, polling

MODULES = (conversation, ephemeral, memory, opening, outgoing, participants, polling)
