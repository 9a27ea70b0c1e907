// Batch norm with the activation after it, and the sum of a residual block, for `quantize.fused`.
//
// A tensor is rows x channels, the channel fastest, of float or of bfloat16 held as uint16_t. Rows are cut into chunks
// of a fixed size, whose sums are added up in order, so that the number of threads changes no result.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

enum Kind { PLAIN, RELU, TERNARY };

inline float load(float x) { return x; }

inline float load(uint16_t x) {
    uint32_t bits = static_cast<uint32_t>(x) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

inline void store(float x, float& to) { to = x; }

inline void store(float x, uint16_t& to) {  // to the nearest, a tie to the even one
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    to = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Several short rows are read as a wide one, so that a loop over its values fills the vector registers.
struct Shape {
    int64_t rows, width, channels, chunk, chunks;

    Shape(int64_t rows_, int64_t channels_) : rows(rows_), width(channels_), channels(channels_) {
        while (width < 128 && rows % 2 == 0) {
            rows /= 2;
            width *= 2;
        }
        chunk = std::max<int64_t>(1, 32768 / width);
        chunks = (rows + chunk - 1) / chunk;
    }

    int64_t first(int64_t index) const { return index * chunk; }
    int64_t last(int64_t index) const { return std::min(rows, (index + 1) * chunk); }

    std::vector<float> widened(const float* values) const {
        std::vector<float> wide(width);
        for (int64_t i = 0; i < width; ++i) wide[i] = values[i % channels];
        return wide;
    }
};

// Two sums per channel over all rows of what `row` adds to its two arrays.
template <class Row>
void sum(const Shape& shape, int threads, std::vector<double>& first, std::vector<double>& second, Row row) {
    const int64_t width = shape.width;
    std::vector<float> parts(shape.chunks * 2 * width);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t index = 0; index < shape.chunks; ++index) {
        float* a = &parts[index * 2 * width];
        for (int64_t r = shape.first(index); r < shape.last(index); ++r) row(r * width, a, a + width);
    }
    first.assign(shape.channels, 0);
    second.assign(shape.channels, 0);
    for (int64_t index = 0; index < shape.chunks; ++index) {
        const float* a = &parts[index * 2 * width];
        for (int64_t i = 0; i < width; ++i) {
            first[i % shape.channels] += a[i];
            second[i % shape.channels] += a[width + i];
        }
    }
}

template <class Row>
void each(const Shape& shape, int threads, Row row) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t index = 0; index < shape.chunks; ++index)
        for (int64_t r = shape.first(index); r < shape.last(index); ++r) row(r * shape.width);
}

template <class In, class Out>
void apply(const In* x, const Shape& shape, int threads, const float* factor, const float* offset, float delta,
           int kind, Out* out) {
    const std::vector<float> factors = shape.widened(factor), offsets = shape.widened(offset);
    const float *a = factors.data(), *b = offsets.data();
    const int64_t width = shape.width;
    each(shape, threads, [=](int64_t at) {
        const In* __restrict__ from = x + at;
        Out* __restrict__ to = out + at;
        if (kind == TERNARY)
            for (int64_t i = 0; i < width; ++i) {
                const float value = load(from[i]) * a[i] + b[i];
                store((value >= delta ? 1.0f : 0.0f) - (value <= -delta ? 1.0f : 0.0f), to[i]);
            }
        else if (kind == RELU)
            for (int64_t i = 0; i < width; ++i) {
                const float value = load(from[i]) * a[i] + b[i];
                store(value > 0 ? value : 0.0f, to[i]);
            }
        else
            for (int64_t i = 0; i < width; ++i) store(load(from[i]) * a[i] + b[i], to[i]);
    });
}

// `held` has four rows of channels: factor, offset, mean, and one over the standard deviation.
template <class In, class Out>
void forward(const In* x, int64_t rows, int64_t channels, int threads, const float* weight, const float* bias,
             float* running_mean, float* running_variance, float momentum, float eps, float* delta, int running,
             float delta_momentum, int kind, Out* out, float* held) {
    const Shape shape(rows, channels);
    const int64_t width = shape.width;
    std::vector<double> sums, squares;
    sum(shape, threads, sums, squares, [=](int64_t at, float* __restrict__ a, float* __restrict__ b) {
        const In* __restrict__ from = x + at;
        for (int64_t i = 0; i < width; ++i) {
            const float value = load(from[i]);
            a[i] += value;
            b[i] += value * value;
        }
    });
    for (int64_t c = 0; c < channels; ++c) {
        const double mean = sums[c] / rows, variance = std::max(0.0, squares[c] / rows - mean * mean);
        const double rate = 1 / std::sqrt(variance + eps);
        held[c] = weight[c] * rate;
        held[channels + c] = bias[c] - mean * weight[c] * rate;
        held[2 * channels + c] = mean;
        held[3 * channels + c] = rate;
        running_mean[c] += momentum * (mean - running_mean[c]);
        running_variance[c] += momentum * (variance * rows / std::max<int64_t>(1, rows - 1) - running_variance[c]);
    }
    if (kind == TERNARY && running) {
        const std::vector<float> factors = shape.widened(held), offsets = shape.widened(held + channels);
        const float *factor = factors.data(), *offset = offsets.data();
        sum(shape, threads, sums, squares, [=](int64_t at, float* __restrict__ a, float*) {
            const In* __restrict__ from = x + at;
            for (int64_t i = 0; i < width; ++i) a[i] += std::fabs(load(from[i]) * factor[i] + offset[i]);
        });
        double total = 0;
        for (int64_t c = 0; c < channels; ++c) total += sums[c];
        *delta += delta_momentum * (std::max(1e-6, 0.5 * total / (rows * channels)) - *delta);
    }
    apply(x, shape, threads, held, held + channels, kind == TERNARY ? *delta : 0.0f, kind, out);
}

// The gradient that passes the activation; a ternary one lets it pass where |value| < 1.
inline float pass(float grad, float value, int kind) {
    if (kind == TERNARY) return std::fabs(value) < 1 ? grad : 0.0f;
    if (kind == RELU) return value > 0 ? grad : 0.0f;
    return grad;
}

// `more` is a gradient that reaches x otherwise, or null.
template <int kind, class In, class Out>
void backward(const In* x, const Out* grad, int64_t rows, int64_t channels, int threads, const float* held,
              float* grad_weight, float* grad_bias, const In* more, In* grad_x) {
    const Shape shape(rows, channels);
    const int64_t width = shape.width;
    const std::vector<float> factors = shape.widened(held), offsets = shape.widened(held + channels);
    const float *factor = factors.data(), *offset = offsets.data();
    std::vector<double> sums, products;
    sum(shape, threads, sums, products, [=](int64_t at, float* __restrict__ a, float* __restrict__ b) {
        const In* __restrict__ from = x + at;
        const Out* __restrict__ given = grad + at;
        for (int64_t i = 0; i < width; ++i) {
            const float value = load(from[i]);
            const float passed = pass(load(given[i]), value * factor[i] + offset[i], kind);
            a[i] += passed;
            b[i] += passed * value;
        }
    });
    std::vector<float> slope(channels), constant(channels);
    for (int64_t c = 0; c < channels; ++c) {
        const double mean = held[2 * channels + c], rate = held[3 * channels + c];
        const double of_weight = (products[c] - mean * sums[c]) * rate;
        slope[c] = -held[c] * rate * of_weight / rows;
        constant[c] = -mean * slope[c] - held[c] * sums[c] / rows;
        grad_weight[c] = of_weight;
        grad_bias[c] = sums[c];
    }
    const std::vector<float> slopes = shape.widened(slope.data()), constants = shape.widened(constant.data());
    const float *m = slopes.data(), *k = constants.data();
    each(shape, threads, [=](int64_t at) {
        const In* __restrict__ from = x + at;
        const Out* __restrict__ given = grad + at;
        const In* __restrict__ added = more ? more + at : nullptr;
        In* __restrict__ to = grad_x + at;
        for (int64_t i = 0; i < width; ++i) {
            const float value = load(from[i]);
            const float passed = pass(load(given[i]), value * factor[i] + offset[i], kind);
            store(passed * factor[i] + (value * m[i] + k[i]) + (added ? load(added[i]) : 0.0f), to[i]);
        }
    });
}

// total = a + b, and the largest |total|
template <class In>
float add(const In* a, const float* b, int64_t count, int threads, float* total) {
    const Shape shape(count, 1);
    const int64_t width = shape.width;
    std::vector<float> peaks(shape.chunks * width);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t index = 0; index < shape.chunks; ++index) {
        float* __restrict__ peak = &peaks[index * width];
        for (int64_t r = shape.first(index); r < shape.last(index); ++r) {
            const In* __restrict__ left = a + r * width;
            const float* __restrict__ right = b + r * width;
            float* __restrict__ to = total + r * width;
            for (int64_t i = 0; i < width; ++i) {
                to[i] = load(left[i]) + right[i];
                const float size = std::fabs(to[i]);
                peak[i] = size > peak[i] ? size : peak[i];
            }
        }
    }
    return *std::max_element(peaks.begin(), peaks.end());
}

template <class In, class Out>
void backward(const In* x, const Out* grad, int64_t rows, int64_t channels, int threads, const float* held, int kind,
              float* grad_weight, float* grad_bias, const In* more, In* grad_x) {
    if (kind == TERNARY) backward<TERNARY>(x, grad, rows, channels, threads, held, grad_weight, grad_bias, more, grad_x);
    else if (kind == RELU) backward<RELU>(x, grad, rows, channels, threads, held, grad_weight, grad_bias, more, grad_x);
    else backward<PLAIN>(x, grad, rows, channels, threads, held, grad_weight, grad_bias, more, grad_x);
}

}  // namespace

// Each function once for every pair of types; the names end in the input's and the output's.
#define PAIR(In, Out, suffix)                                                                                         \
    void norm_forward_##suffix(const In* x, int64_t rows, int64_t channels, int threads, const float* weight,         \
                               const float* bias, float* mean, float* variance, float momentum, float eps,            \
                               float* delta, int running, float delta_momentum, int kind, Out* out, float* held) {    \
        forward(x, rows, channels, threads, weight, bias, mean, variance, momentum, eps, delta, running,              \
                delta_momentum, kind, out, held);                                                                     \
    }                                                                                                                 \
    void norm_apply_##suffix(const In* x, int64_t rows, int64_t channels, int threads, const float* factor,           \
                             const float* offset, float delta, int kind, Out* out) {                                  \
        apply(x, Shape(rows, channels), threads, factor, offset, delta, kind, out);                                   \
    }                                                                                                                 \
    void norm_backward_##suffix(const In* x, const Out* grad, int64_t rows, int64_t channels, int threads,            \
                                const float* held, int kind, float* grad_weight, float* grad_bias, const In* more, In* grad_x) {      \
        backward(x, grad, rows, channels, threads, held, kind, grad_weight, grad_bias, more, grad_x);                       \
    }

extern "C" {
PAIR(float, float, float32_float32)
PAIR(float, uint16_t, float32_bfloat16)
PAIR(uint16_t, float, bfloat16_float32)
PAIR(uint16_t, uint16_t, bfloat16_bfloat16)

float add_float32(const float* a, const float* b, int64_t count, int threads, float* total) {
    return add(a, b, count, threads, total);
}

float add_bfloat16(const uint16_t* a, const float* b, int64_t count, int threads, float* total) {
    return add(a, b, count, threads, total);
}
}
