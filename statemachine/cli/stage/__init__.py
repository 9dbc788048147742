"""What `statemachine demo` puts on stage: scenes, a customer to play them, and those who watch and judge."""
