-- Arguments: seconds before answers count, then files that hold one whole HTTP request each; they are sent in turn.
-- The last line of output is JSON: what wrk measured, and each status with its number of answers.
local ffi = require("ffi")
ffi.cdef[[
typedef struct { long seconds; long nanoseconds; } opsin_time;
int clock_gettime(int clock, opsin_time *now);
]]
local MONOTONIC = 1
local now = ffi.new("opsin_time")
local threads = {}
local requests, next_request = {}, 0

local function seconds()
  ffi.C.clock_gettime(MONOTONIC, now)
  return tonumber(now.seconds) + tonumber(now.nanoseconds) / 1e9
end

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  for index = 2, #args do
    local file = assert(io.open(args[index], "rb"))
    requests[index - 1] = file:read("*a")
    file:close()
  end
  warm_up_s = tonumber(args[1])
  counts_from = seconds() + warm_up_s
  answers, counted = {}, 0
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function response(status)
  local key = tostring(status)
  answers[key] = (answers[key] or 0) + 1
  if status == 200 and seconds() >= counts_from then
    counted = counted + 1
  end
end

function done(summary, latency)
  local statuses, counted_in_all, warm_up_s = {}, 0, 0
  for _, thread in ipairs(threads) do
    warm_up_s = tonumber(thread:get("warm_up_s"))
    counted_in_all = counted_in_all + thread:get("counted")
    for status, count in pairs(thread:get("answers")) do
      statuses[status] = (statuses[status] or 0) + count
    end
  end
  local parts = {}
  for status, count in pairs(statuses) do
    table.insert(parts, string.format('"%s": %d', status, count))
  end
  io.write(string.format(
    '{"statuses": {%s}, "counted": %d, "counted_s": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, ' ..
    '"connect_errors": %d, "read_errors": %d, "write_errors": %d, "timeouts": %d}\n',
    table.concat(parts, ", "), counted_in_all, summary.duration / 1e6 - warm_up_s,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.timeout))
end
