"""Every state that two banks can come to, over the real decisions of the RFQ protocol."""
