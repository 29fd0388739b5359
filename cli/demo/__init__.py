"""`muvr demo`: record for a day, learn in the night, recognise the next day; every stage is the real one."""
