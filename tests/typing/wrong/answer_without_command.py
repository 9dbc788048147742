from statemachine import Answered, Batch

Answered(1, Batch(()))  # wrong: which command was answered?
