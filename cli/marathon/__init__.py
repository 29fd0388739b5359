"""`muvr marathon`: what runs on a cluster is what one description says."""
