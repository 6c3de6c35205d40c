"""The paper broker: an exchange and an account of our own, on live, recorded or synthetic quotes."""
