"""The parts of the reconciler: locate, merge what is linked, pair what is not, find places.

Pure, like `syncd.reconciler`, which tells the story; this package holds its chapters.
"""
