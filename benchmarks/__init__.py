"""Commands that make tables and plots of what the gateware costs. They are not installed with the package."""
