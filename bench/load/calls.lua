-- For wrk. After `--`: the folder of this file, `completed` or `lifecycle`, the run's number, requests a second (0: as fast as
-- answers come), and how many requests later a call is completed (lifecycle).
--
-- completed: each request is the call.completed of a call of its own. lifecycle: in turn the call.new of a new call and the
-- call.completed of one that began so many requests ago. Every call has a phone number of its own, the same in each repetition.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } bench_moment;
  int clock_gettime(int clock, bench_moment* at);
]]

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

local headers = { ["Content-Type"] = "application/json" }
local started = os.date("!%Y-%m-%d %H:%M:%S")
local forms = {}
local first, asked = 0, 0
local lifecycle, behind = false, 0

-- A form's texts, with gaps between them for a call's number and its phone number. JSON's own braces never enclose a bare word.
local function load_form(folder, event)
  local file = assert(io.open(folder .. "/" .. event .. ".json"))
  local text = file:read("*l"):gsub("{at}", started)
  file:close()
  local before, between, after = text:match("^(.*){id}(.*){phone}(.*)$")
  return { before, "", between, "", after }
end

local function body(form, id)
  form[2] = string.format("%d", id)
  form[4] = string.format("+485%08d", id % 100000000 * 7919 % 100000000)
  return table.concat(form)
end

-- The head depends on the body's length alone, and making it costs more than all the rest.
local heads = {}
local function post(form, id)
  local text = body(form, id)
  local head = heads[#text]
  if not head then
    local whole = wrk.format("POST", nil, headers, text)
    head = whole:sub(1, #whole - #text)
    heads[#text] = head
  end
  return head .. text
end

local moment = ffi.new("bench_moment")
local function now()
  ffi.C.clock_gettime(1, moment)
  return tonumber(moment.seconds) * 1000 + tonumber(moment.nanoseconds) / 1e6
end

-- Places in time at an even distance, handed to whichever connection is next; wrk waits whole milliseconds, which chance rounds.
local function pace(rate)
  local distance, place = 1000 / rate, nil
  return function()
    local at = now()
    place = math.max((place or at) + distance, at - 1000)
    return math.floor(math.max(place - at, 0) + math.random())
  end
end

function init(arguments)
  local folder, mode, run, rate, later = unpack(arguments)
  first = (tonumber(run) * 10 + number) * 10000000
  forms = { new = load_form(folder, "call.new"), completed = load_form(folder, "call.completed") }
  lifecycle = mode == "lifecycle"
  behind = math.floor(tonumber(later or "20000") / 2)
  -- wrk looks whether there is a `delay` after this.
  if tonumber(rate or "0") > 0 then delay = pace(tonumber(rate)) end
end

function request()
  asked = asked + 1
  if not lifecycle then return post(forms.completed, first + asked) end
  if asked <= behind then return post(forms.new, first + asked) end
  local pair = math.floor((asked - behind + 1) / 2)
  if (asked - behind) % 2 == 0 then return post(forms.completed, first + pair) end
  return post(forms.new, first + behind + pair)
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nresult {"requests":%d,"seconds":%.6f,"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(90), latency:percentile(99),
    latency:percentile(99.9), latency.max, e.status, e.connect + e.read + e.write + e.timeout))
end
