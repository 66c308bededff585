// chfast/ethash behind a line protocol, so that a benchmark can take turns with it in one run. Commands on stdin:
//   build EPOCH                       -> "<nanoseconds of CPU time>"
//   hash COUNT HEADER_HEX FIRST_NONCE -> "<nanoseconds> <result of the last, hex>"
//   keccak COUNT                      -> "<nanoseconds of CPU time>", Keccak-512 of 64 bytes, each of the one before
#include <ethash/ethash.hpp>
#include <ethash/keccak.hpp>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <memory>
#include <string>

namespace
{
/// CPU time of this thread: what other programs take of the machine is not counted.
long long now_ns()
{
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

ethash::hash256 parse_hash(const std::string& hex)
{
    ethash::hash256 hash{};
    for (size_t i = 0; i < 32; ++i)
        hash.bytes[i] = static_cast<uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
    return hash;
}
}  // namespace

int main()
{
    ethash::epoch_context_ptr context{nullptr, ethash_destroy_epoch_context};
    std::string command;
    while (std::cin >> command)
    {
        if (command == "build")
        {
            int epoch = 0;
            std::cin >> epoch;
            context.reset();
            const auto start = now_ns();
            context = ethash::create_epoch_context(epoch);
            std::printf("%lld\n", now_ns() - start);
        }
        else if (command == "hash")
        {
            int count = 0;
            std::string header;
            uint64_t nonce = 0;
            std::cin >> count >> header >> nonce;
            const auto header_hash = parse_hash(header);
            ethash::result last{};
            const auto start = now_ns();
            for (int i = 0; i < count; ++i)
                last = ethash::hash(*context, header_hash, nonce + static_cast<uint64_t>(i));
            std::printf("%lld ", now_ns() - start);
            for (const auto byte : last.final_hash.bytes)
                std::printf("%02x", byte);
            std::printf("\n");
        }
        else if (command == "keccak")
        {
            int count = 0;
            std::cin >> count;
            ethash::hash512 item{};
            const auto start = now_ns();
            for (int i = 0; i < count; ++i)
                item = ethash::keccak512(item);
            const auto elapsed = now_ns() - start;
            // Keeps the chain alive.
            std::printf("%lld %02x\n", elapsed, item.bytes[0]);
        }
        std::fflush(stdout);
    }
}
