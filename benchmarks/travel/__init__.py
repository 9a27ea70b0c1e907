"""Exports of the zoo in other tools: FINN's steps up to its dataflow partition, and hls4ml's compiled prediction."""
