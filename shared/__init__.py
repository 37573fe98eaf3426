"""What the functions share: the domain, the stage runtime and the adapters around them."""
