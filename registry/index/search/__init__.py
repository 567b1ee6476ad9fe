"""Search: questions, and two engines that answer them alike."""
