// chfast/ethash behind a line protocol, so that a benchmark can take turns with it in one run. Commands on stdin:
//   build EPOCH                       -> "<nanoseconds of CPU time>"
//   hash COUNT HEADER_HEX FIRST_NONCE -> "<nanoseconds> <result of the last, hex>"
//   reads BURST COUNT                 -> "<nanoseconds>", a word of COUNT random rows of the light cache, BURST at a time
//   window COUNT                      -> "<nanoseconds near> <nanoseconds far>", see window()
#include <ethash/ethash.hpp>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

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

/// Offsets of random rows, in bytes.
std::vector<uint32_t> random_rows(size_t count, uint32_t rows)
{
    static uint64_t state = 88172645463325252ULL;
    std::vector<uint32_t> offsets(count);
    for (auto& offset : offsets)
    {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        offset = static_cast<uint32_t>((state >> 16) % (rows / 2) * 128);
    }
    return offsets;
}

/// What the memory alone costs a batch: nothing but reads, `burst` of them independent, the next ones only once these
/// have come, as the steps of `burst` chains are.
long long read_rows(const char* cache, uint32_t rows, size_t burst, size_t count)
{
    const auto offsets = random_rows(count, rows);
    uint32_t last = 0;
    const auto start = now_ns();
    for (size_t at = 0; at + burst <= count; at += burst)
    {
        // Which of two neighbouring rows it is hangs on the burst before.
        const char* const base = cache + (last & 64);
        uint32_t sum = 0;
        for (size_t i = 0; i < burst; ++i)
            sum ^= *reinterpret_cast<const volatile uint32_t*>(base + offsets[at + i]);
        last = sum;
    }
    return now_ns() - start;
}

#define FILLER(count) __asm__ volatile(".rept " #count "\nnop\n.endr")

/// Two chains of dependent reads with filler instructions between them. As long as the filler fits into the window that
/// the processor looks ahead, both chains wait at the same time; beyond it, one after the other: twice as long. With 180
/// instructions that tells a whole window (256 on Zen 3) from the half that is left when somebody uses the core's other thread.
template <bool Far>
long long two_chains(const char* cache, uint32_t rows, size_t count)
{
    uint32_t mask = 1;
    while (mask <= rows / 2)
        mask *= 2;
    const auto row = [=](uint32_t word) {
        return *reinterpret_cast<const volatile uint32_t*>(cache + size_t{word & (mask - 1)} * 64);
    };
    const auto first = random_rows(2, rows);
    uint32_t a = first[0];
    uint32_t b = first[1];
    const auto start = now_ns();
    for (size_t i = 0; i < count; ++i)
    {
        a = row(a + static_cast<uint32_t>(i));
        if (Far) FILLER(180); else FILLER(40);
        b = row(b + static_cast<uint32_t>(i));
        if (Far) FILLER(180); else FILLER(40);
    }
    return now_ns() - start;
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
        else if (command == "reads")
        {
            size_t burst = 0, count = 0;
            std::cin >> burst >> count;
            const auto* const cache = reinterpret_cast<const char*>(context->light_cache);
            const auto rows = static_cast<uint32_t>(context->light_cache_num_items);
            std::printf("%lld\n", read_rows(cache, rows, burst, count));
        }
        else if (command == "window")
        {
            size_t count = 0;
            std::cin >> count;
            const auto* const cache = reinterpret_cast<const char*>(context->light_cache);
            const auto rows = static_cast<uint32_t>(context->light_cache_num_items);
            const auto near = two_chains<false>(cache, rows, count);
            std::printf("%lld %lld\n", near, two_chains<true>(cache, rows, count));
        }
        std::fflush(stdout);
    }
}
