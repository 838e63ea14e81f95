"""The life of a run: its folder, resuming it, replaying one of its steps."""
