"""Learners and the loop that drives them."""
