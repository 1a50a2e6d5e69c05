"""Meta-learners: predictions in, one prediction out, judged on what they have not seen."""
