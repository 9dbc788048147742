"""Bridges to copy and change, one file each. They run as they are, and need the libraries that they import.

They survive a kill at any time. A user's message is acknowledged to the messenger after it is saved, with the
messenger's own id as key, so that a repeated delivery is one message. An agent's message is acknowledged after the
messenger has received it. Let a supervisor restart them; the store (`STORE`) must persist.
"""
