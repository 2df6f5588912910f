-- For wrk: each request is the call.completed of a call that no other request is about. The argument tells runs apart.
local id

function setup(thread)
  threads = (threads or 0) + 1
  thread:set("number", threads)
end

function init(arguments)
  id = (tonumber(arguments[1] or "0") * 100 + number) * 10000000
end

local form = [[{"data":{"event":"call.completed","id":%d,"status":"completed","ref_id":null,"to":"+48888888769","widget_id":3,
"created_at":"2016-09-08 13:32:54","scheduled_at":null,"request":null,"call":{"direction":"ab","queued_at":"2016-09-08 13:33:03",
"started_at":"2016-09-08 13:33:25","dialed_at_a":"2016-09-08 13:33:17","dialed_at_b":"2016-09-08 13:33:21",
"answered_at_a":"2016-09-08 13:33:22","answered_at_b":"2016-09-08 13:33:25","ended_at_a":"2016-09-08 13:37:33",
"ended_at_b":"2016-09-08 13:37:25","dialed_time_a":"14","answered_time_a":"5","dialed_time_b":"18","answered_time_b":"4",
"billing_time":"248","recording":null},"call_attempt":{"manager":{"id":4,"name":"Admin","tel":"+48570934649",
"email":"admin@callpage.io"}},"call_attempts_count":1,"fields":null}}]]

function request()
  id = id + 1
  return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, string.format(form, id))
end
