// Classify image files in C++ with OpenVINO: classify WEIGHTS IMAGE …
//
// Decoding is stb_image's, config.json is read by nlohmann/json; both are headers alone.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <openvino/openvino.hpp>

#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

using Bytes = std::vector<uint8_t>;

double bicubic(double x) {  // Catmull and Rom's kernel, as Pillow has it
    x = std::fabs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
    return 0;
}

// (lines, length, channels) → (size, lines, channels): each line resized with antialiasing, and the axes swapped.
Bytes resize_lines(const Bytes& from, int lines, int length, int size, int channels) {
    Bytes to(size_t(size) * lines * channels);
    const double ratio = double(length) / size, scale = std::max(1.0, ratio), reach = 2 * scale;
    for (int place = 0; place < size; place++) {
        const double centre = (place + 0.5) * ratio;
        const int first = std::max(0, int(centre - reach + 0.5)), last = std::min(length, int(centre + reach + 0.5));
        std::vector<double> weights;
        double sum = 0;
        for (int at = first; at < last; at++) sum += weights.emplace_back(bicubic((at - centre + 0.5) / scale));
        std::vector<int> fixed;  // 22 binary places, as Pillow's, so that both round alike
        for (double weight : weights) fixed.push_back(int(std::lround(weight / sum * (1 << 22))));
        for (int line = 0; line < lines; line++)
            for (int channel = 0; channel < channels; channel++) {
                int64_t value = 1 << 21;
                for (int at = first; at < last; at++)
                    value += int64_t(fixed[at - first]) * from[(size_t(line) * length + at) * channels + channel];
                to[(size_t(place) * lines + line) * channels + channel] =
                    uint8_t(std::clamp<int64_t>(value >> 22, 0, 255));
            }
    }
    return to;
}

// How EXIF says that a JPEG is turned, 1 … 8; 1 where it says nothing.
int orientation(const Bytes& file) {
    auto big = [&](size_t at) { return file[at] << 8 | file[at + 1]; };
    if (file.size() < 4 || big(0) != 0xFFD8) return 1;
    for (size_t at = 2; at + 4 <= file.size() && file[at] == 0xFF && file[at + 1] != 0xDA;) {
        const size_t tiff = at + 10, end = std::min(file.size(), at + 2 + big(at + 2));
        if (file[at + 1] == 0xE1 && tiff + 8 < end && !std::memcmp(&file[at + 4], "Exif\0\0", 6)) {
            const bool little = file[tiff] == 'I';
            auto number = [&](size_t place, int bytes) {
                uint32_t value = 0;
                for (int i = 0; i < bytes; i++) value |= uint32_t(file[place + i]) << 8 * (little ? i : bytes - 1 - i);
                return value;
            };
            size_t entry = tiff + size_t(number(tiff + 4, 4));
            if (entry + 2 > end) return 1;
            for (int left = number(entry, 2); left > 0 && entry + 14 <= end; left--, entry += 12)
                if (number(entry + 2, 2) == 0x0112) return std::clamp<int>(number(entry + 10, 2), 1, 8);
            return 1;
        }
        at = at + 2 + big(at + 2);
    }
    return 1;
}

// An image file → size × size × channels bytes: upright, on white paper, the central square, resized.
Bytes read_pixels(const std::string& path, int size, int channels) {
    std::ifstream stream(path, std::ios::binary);
    const Bytes file{std::istreambuf_iterator<char>(stream), {}};
    int width = 0, height = 0;
    uint8_t* rgba = stbi_load_from_memory(file.data(), int(file.size()), &width, &height, nullptr, 4);
    if (!rgba) throw std::runtime_error(path + ": " + stbi_failure_reason());
    const int side = std::min(width, height), left = (width - side) / 2, top = (height - side) / 2;
    const int turn = orientation(file);
    Bytes square(size_t(side) * side * channels);
    for (int row = 0; row < side; row++)
        for (int column = 0; column < side; column++) {
            int y = turn > 4 ? column : row, x = turn > 4 ? row : column;  // 5 … 8 swap rows and columns
            if (turn == 2 || turn == 3 || turn == 7 || turn == 8) x = side - 1 - x;
            if (turn == 3 || turn == 4 || turn == 6 || turn == 7) y = side - 1 - y;
            // Where the rest is odd, the half pixel that is cut more is on the other side of a turned image.
            const int down = top + y + ((height - side) % 2 && (turn == 3 || turn == 4 || turn == 6 || turn == 7));
            const int right = left + x + ((width - side) % 2 && (turn == 2 || turn == 3 || turn == 7 || turn == 8));
            const uint8_t* from = rgba + (size_t(down) * width + right) * 4;
            int colour[3];
            for (int c = 0; c < 3; c++) colour[c] = (from[c] * from[3] + 255 * (255 - from[3]) + 127) / 255;
            uint8_t* to = &square[(size_t(row) * side + column) * channels];
            if (channels == 3) std::copy(colour, colour + 3, to);
            else *to = uint8_t((colour[0] * 19595 + colour[1] * 38470 + colour[2] * 7471 + 0x8000) >> 16);
        }
    stbi_image_free(rgba);
    if (side == size) return square;
    return resize_lines(resize_lines(square, side, side, size, channels), size, side, size, channels);
}

int main(int count, char** arguments) try {
    if (count < 3) throw std::runtime_error("classify WEIGHTS IMAGE …");
    const std::string folder = arguments[1];
    std::ifstream stream(folder + "/config.json");
    const auto config = nlohmann::json::parse(stream);
    const size_t size = config["preprocessing"]["image_size"], channels = config["preprocessing"]["channels"];

    ov::Core core;
    auto model = core.compile_model(folder + "/model.onnx", "CPU", ov::hint::inference_precision(ov::element::f32));
    auto request = model.create_infer_request();
    for (int at = 2; at < count; at++) {
        Bytes pixels = read_pixels(arguments[at], int(size), int(channels));
        request.set_tensor("pixels", ov::Tensor(ov::element::u8, {1, size, size, channels}, pixels.data()));
        request.infer();
        const ov::Tensor logits = request.get_tensor("logits");
        std::vector<double> scaled(logits.data<float>(), logits.data<float>() + logits.get_size());
        for (double& value : scaled) value /= config["temperature"].get<double>();

        const auto best = std::max_element(scaled.begin(), scaled.end());
        double total = 0;
        for (double value : scaled) total += std::exp(value - *best);
        const std::map<std::string, double> confidence{
            {"max_probability", 1 / total}, {"max_logit", *best}, {"energy", *best + std::log(total)}};
        const bool abstains = confidence.at(config.value("abstention_score", "max_probability")) <
                              config["abstention_threshold"].get<double>();
        const std::string label = config["labels"][best - scaled.begin()];
        std::printf("%s\t%s\t%.6f\t%s\n", arguments[at], label.c_str(), 1 / total, abstains ? "abstains" : "sure");
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
}
