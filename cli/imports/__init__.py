"""`muvr import`: files of other programs, through a node, as a device sends what it recorded offline."""
