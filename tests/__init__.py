"""The product, its parts and its promises -> pass or fail."""
