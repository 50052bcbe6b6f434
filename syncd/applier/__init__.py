"""Carries a plan out: in the media folder, in the bucket and in Gramps Web."""
