"""A Keras model: initializers for single layers, and a plan for all of it."""

import fanin
import fanin.keras
import keras

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        # One layer by an initializer of its own: Keras' names, or any method of fanin.
        keras.layers.Dense(32, activation="relu", kernel_initializer=fanin.keras.HeNormal(seed=7)),
        keras.layers.Dense(10, kernel_initializer=fanin.keras.Method(fanin.methods.orthogonal(gain=0.5), seed=7)),
    ]
)

# Or all of them by one plan, with the reasons.
plan = fanin.keras.plan(model, seed=0)
print(plan)
filled = fanin.keras.init_(model, plan)
print(f"{len(filled)} variables filled; the head starts with a std of {float(keras.ops.std(model.layers[-1].kernel)):.4f}")
