"""Client, contact centre and network in one process on simulated time: thousands of chats a minute, with all faults."""
