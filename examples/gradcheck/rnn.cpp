// A tanh recurrence h = tanh(u h + w x[t] + b) in C++, with its gradient by hand and no library: the parameters are three
// numbers each, so that lines of JSON can be read with a few lines of code.
//
//     c++ -O2 -o rnn-loss examples/gradcheck/rnn.cpp
//     rnn gradcheck --program ./rnn-loss
//     rnn gradcheck --program './rnn-loss --sign'   # of one term
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

using Vector = std::array<double, 3>;
struct Parameters { Vector u, w, b; };

constexpr int T = 8;
const double x[T] = {0.3, -0.8, 0.5, 1.1, -0.4, 0.2, -0.9, 0.7};

double loss(const Parameters& p) {
    double sum = 0;
    for (int i = 0; i < 3; ++i) {
        double h = 0;
        for (double in : x) { h = std::tanh(p.u[i] * h + p.w[i] * in + p.b[i]); sum += h * h; }
    }
    return sum;
}

Parameters gradient(const Parameters& p, bool wrong_sign) {
    Parameters g{};
    for (int i = 0; i < 3; ++i) {
        double h[T + 1] = {0};
        for (int t = 0; t < T; ++t) h[t + 1] = std::tanh(p.u[i] * h[t] + p.w[i] * x[t] + p.b[i]);
        double dh = 0;
        for (int t = T - 1; t >= 0; --t) {
            const double da = (dh + 2 * h[t + 1]) * (1 - h[t + 1] * h[t + 1]);
            g.u[i] += da * h[t];
            g.w[i] += da * x[t];
            g.b[i] += wrong_sign && i == 1 ? -da : da;
            dh = da * p.u[i];
        }
    }
    return g;
}

// The numbers of `"name":{"data":[1.0,2.0,3.0], …}`: an array is answered in the form it was sent in.
Vector read(const std::string& line, const std::string& name) {
    Vector v{};
    const char* at = line.c_str() + line.find("\"data\"", line.find("\"" + name + "\""));
    while (*at != '[') ++at;
    for (double& number : v) { char* end; number = std::strtod(++at, &end); at = end; }
    return v;
}

void write(const char* name, const Vector& v, const char* then) {
    std::printf("\"%s\":{\"shape\":[3],\"data\":[%.17g,%.17g,%.17g]}%s", name, v[0], v[1], v[2], then);
}

void write(const char* name, const Parameters& p) {
    std::printf("\"%s\":{", name);
    write("u", p.u, ",");
    write("w", p.w, ",");
    write("b", p.b, "}");
}

int main(int count, char** arguments) {
    const bool wrong_sign = count > 1 && std::string(arguments[1]) == "--sign";
    const Parameters own{{0.9, -0.5, 0.3}, {1.2, 0.4, -0.7}, {0.1, 0.2, -0.3}};
    for (std::string line; std::getline(std::cin, line);) {
        const bool at = line.find("\"at\"") != std::string::npos;
        const Parameters p = at ? Parameters{read(line, "u"), read(line, "w"), read(line, "b")} : own;
        if (line.find("\"ask\":\"loss\"") != std::string::npos) {
            std::printf("{\"loss\":%.17g}\n", loss(p));
        } else {
            std::printf("{");
            if (!at) { write("parameters", p); std::printf(",\"again\":true,"); }
            write("gradient", gradient(p, wrong_sign));
            std::printf("}\n");
        }
        std::fflush(stdout);
    }
}
