"""What programs that act for people may do with a registry: the tools of an MCP server, and what they may spend."""
