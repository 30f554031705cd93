"""Where frames come from: capture files and streams, handed on as batches of frames."""
