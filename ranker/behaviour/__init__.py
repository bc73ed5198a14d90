"""What is learnt from shoppers."""
