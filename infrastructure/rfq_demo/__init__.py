"""`make rfq-demo`: a day of dealing at three banks and a broker, told step by step, failures included."""
