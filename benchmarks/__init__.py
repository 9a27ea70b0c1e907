"""Commands that make the tables and plots of what this gateware costs; not part of what is installed."""
