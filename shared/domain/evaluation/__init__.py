"""How good moments and topic boundaries are, held against what people marked."""
