"""Events that leave the building: what is sent to whom, when it is tried again, and how it went."""
