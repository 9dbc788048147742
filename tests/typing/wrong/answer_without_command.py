from statemachine import Answered, EventBatch

Answered(1, EventBatch(()))  # wrong: which command was answered?
