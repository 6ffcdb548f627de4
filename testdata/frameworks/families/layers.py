"""The default layers of torch, Keras and Flax."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np

from measure import model, torch_model, write


def torch_layers():
    import torch
    from torch import nn

    class Layers(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, 96)
            self.narrow = nn.Linear(128, 40, bias=False)
            self.conv1 = nn.Conv1d(16, 64, 5)
            self.conv2 = nn.Conv2d(16, 32, 3)
            self.conv3 = nn.Conv3d(8, 24, 3)
            self.grouped = nn.Conv2d(32, 64, 3, groups=4)
            self.up1 = nn.ConvTranspose1d(32, 48, 4, stride=2)
            self.up2 = nn.ConvTranspose2d(48, 24, 4, stride=2)
            self.up3 = nn.ConvTranspose3d(16, 12, 3)
            self.up_grouped = nn.ConvTranspose2d(32, 64, 4, stride=2, groups=2)
            self.bilinear = nn.Bilinear(12, 18, 24)
            self.embedding = nn.Embedding(120, 48)
            self.lstm = nn.LSTM(48, 40, num_layers=2, bidirectional=True)
            self.gru = nn.GRU(48, 40)
            self.rnn = nn.RNN(64, 72)
            self.cell = nn.GRUCell(40, 44)
            self.attention = nn.MultiheadAttention(64, 4)
            self.apart = nn.MultiheadAttention(64, 4, kdim=80, vdim=96)
            self.layer_norm = nn.LayerNorm(64)
            self.batch_norm = nn.BatchNorm2d(32)
            self.group_norm = nn.GroupNorm(4, 32)
            self.instance_norm = nn.InstanceNorm2d(32, affine=True)
            self.rms_norm = nn.RMSNorm(64)
            self.prelu = nn.PReLU(16)

    class Recurrent(nn.Module):
        """Recurrent layers whose gates are initialized one by one, by torch's own functions; `longest` asks for chrono biases."""

        def __init__(self, longest=None):
            super().__init__()
            self.embedding, self.head = nn.Embedding(120, 64), nn.Linear(72, 120)
            self.lstm = nn.LSTM(64, 64, num_layers=2, bidirectional=True)
            self.gru, self.rnn = nn.GRU(128, 64), nn.RNN(64, 72)
            nn.init.normal_(self.embedding.weight, std=0.1)
            nn.init.xavier_uniform_(self.head.weight)
            nn.init.zeros_(self.head.bias)
            for layer, gates in [(self.lstm, 4), (self.gru, 3), (self.rnn, 1)]:
                for name, value in layer.named_parameters():
                    for gate in value.data.chunk(gates):
                        if "bias" in name:
                            nn.init.zeros_(gate)
                        elif "_hh_" in name:
                            nn.init.orthogonal_(gate)
                        else:
                            nn.init.xavier_uniform_(gate)
            for name, value in self.lstm.named_parameters():
                if "bias_ih" in name:
                    into, forget = value.data.chunk(4)[:2]
                    nn.init.ones_(forget)
                    if longest:
                        # Tallec and Ollivier 2018: b_f = ln u with u from U(1, T - 1), b_i = -b_f.
                        forget.uniform_(1, longest - 1).log_()
                        into.copy_(-forget)
            if longest:
                for name, value in self.gru.named_parameters():
                    if "bias_ih" in name:
                        # torch's update gate keeps.
                        value.data.chunk(3)[1].uniform_(1, longest - 1).log_()

    models = [
        torch_model("layers", Layers, 32),
        torch_model("transformer_encoder", lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128), 3), 32),
        torch_model("transformer", lambda: nn.Transformer(64, 4, 2, 2, 128), 32),
        torch_model("recurrent", Recurrent, 32),
        torch_model("recurrent_chrono", lambda: Recurrent(100), 32),
    ]
    write("torch", f"torch {torch.__version__.split('+')[0]}", models)


def keras_layers():
    import keras
    from keras import layers

    def built():
        inputs = layers.Input((16, 16, 8), name="picture")
        x = layers.Conv2D(64, 3, name="conv2d")(inputs)
        x = layers.BatchNormalization(name="batch_normalization")(x)
        x = layers.DepthwiseConv2D(9, padding="same", name="depthwise_conv2d")(x)
        x = layers.SeparableConv2D(72, 9, padding="same", name="separable_conv2d")(x)
        x = layers.Conv2D(64, 3, groups=4, name="conv2d_1")(x)
        x = layers.Conv2DTranspose(24, 4, strides=2, name="conv2d_transpose")(x)
        x = layers.GroupNormalization(4, name="group_normalization")(x)
        x = layers.PReLU(shared_axes=[1, 2], name="p_re_lu")(x)
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(200, name="dense")(x)
        x = layers.Reshape((50, 4))(x)
        tokens = layers.Input((50,), name="tokens")
        y = layers.Embedding(100, 64, name="embedding")(tokens)
        y = layers.Concatenate()([x, y])
        y = layers.Conv1D(64, 5, padding="same", name="conv1d")(y)
        y = layers.MultiHeadAttention(4, 16, name="multi_head_attention")(y, y)
        y = layers.LayerNormalization(name="layer_normalization")(y)
        y = layers.EinsumDense("abc,cde->abde", output_shape=(None, 8, 12), bias_axes="de", name="einsum_dense")(y)
        y = layers.Reshape((50, 96))(y)
        y = layers.Bidirectional(layers.LSTM(40, return_sequences=True), name="bidirectional")(y)
        y = layers.GRU(48, return_sequences=True, name="gru")(y)
        y = layers.SimpleRNN(72, name="simple_rnn")(y)
        return keras.Model([inputs, tokens], layers.Dense(70, name="predictions")(y))

    def fresh(seed):
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        return [(w.path, np.asarray(w)) for w in built().weights if "seed_generator" not in w.path]

    write("keras", f"keras {keras.__version__}", [model("layers", fresh, 24)])


def flax_layers():
    import flax
    import jax
    from flax import linen as nn
    from flax import nnx

    class Layers(nn.Module):
        @nn.compact
        def __call__(self, picture, tokens):
            x = nn.Conv(64, (3, 3))(picture)
            x = nn.BatchNorm(use_running_average=False)(x)
            x = nn.Conv(64, (3, 3), feature_group_count=4)(x)
            x = nn.ConvTranspose(24, (4, 4), strides=(2, 2))(x)
            x = nn.GroupNorm(4)(x)
            x = nn.PReLU()(x)
            x = nn.Dense(200)(x.mean((1, 2)))
            y = nn.Embed(100, 64)(tokens)
            y = nn.MultiHeadDotProductAttention(4)(y)
            y = nn.LayerNorm()(y)
            y = nn.DenseGeneral((8, 12))(y).reshape(y.shape[0], -1, 96)
            y = nn.RNN(nn.LSTMCell(72))(y)
            y = nn.RNN(nn.GRUCell(72))(y)
            y = nn.RNN(nn.SimpleCell(72))(y)
            return nn.Dense(70)(y), x

    picture, tokens = np.zeros((1, 16, 16, 8), np.float32), np.zeros((1, 12), np.int32)

    def linen(seed):
        flat = flax.traverse_util.flatten_dict(Layers().init(jax.random.key(seed), picture, tokens), sep="/")
        return [(name, np.asarray(value)) for name, value in flat.items()]

    class Nnx(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(8, 64, (3, 3), rngs=rngs)
            self.grouped = nnx.Conv(64, 64, (3, 3), feature_group_count=4, rngs=rngs)
            self.up = nnx.ConvTranspose(64, 24, (4, 4), rngs=rngs)
            self.batch_norm = nnx.BatchNorm(64, rngs=rngs)
            self.linear = nnx.Linear(64, 96, rngs=rngs)
            self.general = nnx.LinearGeneral(64, (8, 12), rngs=rngs)
            self.embed = nnx.Embed(100, 64, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(4, 64, rngs=rngs, decode=False)
            self.layer_norm = nnx.LayerNorm(64, rngs=rngs)

    def fresh(seed):
        state = nnx.state(Nnx(nnx.Rngs(seed)), nnx.Any(nnx.Param, nnx.BatchStat))
        flat = state.flat_state()
        pairs = flat.items() if hasattr(flat, "items") else flat
        return [(".".join(map(str, path)), np.asarray(value.get_value() if hasattr(value, "get_value") else value.value))
                for path, value in pairs]

    glorot, zeros = nn.initializers.glorot_uniform(), nn.initializers.zeros

    class Recurrent(nn.Module):
        """Cells that keep their gates apart, with the recipe `lstm` said in their own words."""

        @nn.compact
        def __call__(self, tokens):
            kinds = dict(kernel_init=glorot, recurrent_kernel_init=nn.initializers.orthogonal(), bias_init=zeros)
            y = nn.Embed(100, 64, embedding_init=nn.initializers.normal(0.1))(tokens)
            y = nn.RNN(nn.LSTMCell(72, **kinds))(y)
            y = nn.RNN(nn.GRUCell(72, **kinds))(y)
            y = nn.RNN(nn.SimpleCell(72, **kinds))(y)
            return nn.Dense(70, kernel_init=glorot)(y)

    def recurrent(seed):
        flat = flax.traverse_util.flatten_dict(Recurrent().init(jax.random.key(seed), tokens), sep="/")
        return [(name, np.asarray(value)) for name, value in flat.items()]

    found = [model("linen", linen, 24), model("nnx", fresh, 24), model("recurrent", recurrent, 24)]
    write("flax", f"jax {jax.__version__}, flax {flax.__version__}", found)


KINDS = {"torch": torch_layers, "keras": keras_layers, "flax": flax_layers}
