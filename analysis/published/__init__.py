"""What a ranking is held against: the published study, and what each learner costs."""
