"""The pages: an overview of the pilots and the live view of one."""
