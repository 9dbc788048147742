"""A client and a contact centre in one world without a network: thousands of chats a minute, with everything that fails.
"""
