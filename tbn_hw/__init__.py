"""From a trained network to a verified, synthesised accelerator."""
