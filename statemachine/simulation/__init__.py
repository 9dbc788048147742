"""A client and a contact centre in one world without a network: thousands of chats a minute, and all that fails."""
