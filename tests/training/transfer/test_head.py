import numpy as np
import pytest

from training.transfer.head import PENALTIES, fit_head, total_loss


def features_of_classes(num_images: int, *, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features, float32 [N, 8], of three classes, each with a coordinate of its own."""
    targets = np.arange(num_images) % 3
    features = np.random.default_rng(seed).normal(0, noise, (num_images, 8))
    features[np.arange(num_images), targets] += 1
    return features.astype(np.float32), targets


def test_classes_that_can_be_told_apart_are():
    head = fit_head(*features_of_classes(60, noise=0.1), num_classes=3, validation=features_of_classes(30, noise=0.1))
    features, targets = features_of_classes(30, noise=0.1, seed=2)
    assert (head.logits(features).argmax(axis=1) == targets).all()


def test_weights_are_those_of_the_penalized_loss_at_its_least():
    features, targets = features_of_classes(60, noise=0.5)
    head = fit_head(features, targets, num_classes=3, validation=(features, targets), penalties=[0.1])
    scale = np.sqrt(np.mean(features**2))

    def loss(kernel: np.ndarray) -> float:
        return total_loss(features @ kernel + head.bias, targets) / 60 + 0.05 * ((kernel * scale) ** 2).sum()

    nudges = np.random.default_rng(0).normal(0, 0.05, (20, *head.kernel.shape))
    assert all(loss(head.kernel) < loss(head.kernel + nudge) for nudge in nudges)


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_scale_of_the_features_does_not_matter(factor):
    (features, targets), validation = features_of_classes(60, noise=0.5), features_of_classes(30, noise=0.5, seed=1)
    head = fit_head(features, targets, num_classes=3, validation=validation)
    scaled = fit_head(features * factor, targets, num_classes=3, validation=(validation[0] * factor, validation[1]))
    np.testing.assert_allclose(scaled.logits(features * factor), head.logits(features), atol=0.02)
    assert scaled.penalty == head.penalty


def test_penalty_is_chosen_by_images_that_are_not_learned_from():
    noisy, clear = features_of_classes(40, noise=1.5), features_of_classes(40, noise=0.05)
    for train, chosen in ((noisy, max), (clear, min)):
        validation = features_of_classes(200, noise=1.5 if train is noisy else 0.05, seed=3)
        assert fit_head(*train, num_classes=3, validation=validation).penalty == chosen(PENALTIES)


def test_where_validation_images_are_few_folds_of_the_others_choose_too():
    # Two images, which the least penalty happens to suit.
    features, targets = features_of_classes(60, noise=1.5)
    validation = features_of_classes(200, noise=0.01, seed=1)
    assert fit_head(features, targets, num_classes=3, validation=validation).penalty == min(PENALTIES)
    few = validation[0][:2], validation[1][:2]
    assert fit_head(features, targets, num_classes=3, validation=few).penalty >= 0.1


def test_copies_are_in_one_fold_where_folds_choose():
    # Noise, each image of it four times: only who sees a copy of what it is asked for does well without a penalty.
    rng = np.random.default_rng(0)
    features, targets = rng.normal(0, 1, (40, 100)).astype(np.float32), np.arange(40) % 3
    features, targets, groups = (np.concatenate([part] * 4) for part in (features, targets, np.arange(40)))
    few = features[:0], targets[:0]
    assert fit_head(features, targets, num_classes=3, validation=few, groups=groups).penalty == max(PENALTIES)
    assert fit_head(features, targets, num_classes=3, validation=few).penalty == min(PENALTIES)


def test_class_without_an_image_is_never_the_answer():
    features, targets = features_of_classes(30, noise=0.1)
    head = fit_head(features, targets, num_classes=4, validation=(features, targets))
    assert head.kernel.shape == (8, 4)
    assert 3 not in head.logits(features).argmax(axis=1)


def test_loss_is_the_sum_over_the_images():
    logits = np.log(np.array([[0.5, 0.5], [0.25, 0.75]]))
    assert total_loss(logits, np.array([0, 1])) == pytest.approx(-np.log(0.5) - np.log(0.75))
