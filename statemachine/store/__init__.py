"""Stores: where sessions, their journals and the application's cursor outlive the process.

`memory` forgets with the process; `sqlite` is the durable default. Both keep the promises of
`adapters.protocols.Store`. Nothing is imported here.
"""
