"""What both sides promise: metrics, frames, topics and their codecs."""
