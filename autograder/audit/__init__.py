"""Proof that the grader is right: every question's check is tried on right answers, on known
mistakes and on mutants, and its error rates are stated.

audit(question) -> QuestionCard          in this process
audit_all(names) -> Card                 in fresh processes of its own, as `course audit` does
"""

from autograder.audit.card import Card, QuestionCard, Survivor
from autograder.audit.checks import audit
from autograder.audit.processes import audit_all

__all__ = ["Card", "QuestionCard", "Survivor", "audit", "audit_all"]
