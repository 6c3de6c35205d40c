"""What is known of a market at one moment: quotes with a judgement of their validity, and option chains."""
