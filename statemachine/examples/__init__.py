"""Bridges to copy and change, each one file: they run as they stand, and need the libraries that they name.

They survive being killed at any moment: what users write is acknowledged to the messenger when it is saved, under the
messenger's own id, so that a repeated delivery is one message; what agents answer counts as told when the messenger has
it. Start them under whatever restarts processes; the store (`STORE`) has to outlive them.
"""
