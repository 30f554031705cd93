"""The reference stack: tunnel endpoints, NATs and a virtual network that prove the sensor."""
