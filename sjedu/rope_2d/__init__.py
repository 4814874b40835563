"""Lesson 3: rotary position embedding for positions in the plane (二维位置的旋转式位置编码)."""

from __future__ import annotations

from sjedu.rope_2d.rotary import (
    RotaryEmbedding2D,
    apply_rotary,
    axial_frequencies,
    flattened_frequencies,
    grid_positions,
    interpolated_positions,
    mixed_frequencies,
    rotation_table,
    weight_decay_groups,
)
from sjedu.rope_2d.theory import joint_blocks, representation, rope_matrix, rotation

__all__ = [
    "RotaryEmbedding2D",
    "apply_rotary",
    "axial_frequencies",
    "flattened_frequencies",
    "grid_positions",
    "interpolated_positions",
    "joint_blocks",
    "mixed_frequencies",
    "representation",
    "rope_matrix",
    "rotation",
    "rotation_table",
    "weight_decay_groups",
]
