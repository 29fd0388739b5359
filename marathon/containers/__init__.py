"""Images of what runs in containers, and what starts in them.

`cassandra` runs in an image that has nothing of muvr but itself and `domain.errors`.
"""
