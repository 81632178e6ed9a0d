--- The commands of docker's program (or podman's) in a test's world that are about containers: those that the setting smoke
--- runs. Each gets the world, the call, and a function that says whether the engine answers.
local json = require "cjson"

local docker_containers = {}

-- The options that have their value in the next argument.
local APART = { ["--name"] = true, ["--label"] = true, ["--env"] = true, ["--entrypoint"] = true }

-- What a container is made of: the image, and the words behind it, which follow the entrypoint.
local function container_of(call)
  local index = 3
  while (call.argv[index] or ""):find "^%-" do index = index + (APART[call.argv[index]] and 2 or 1) end
  return {
    name = call:option "--name", image = call.argv[index], labels = call:pairs "--label",
    argv = { call:option "--entrypoint", table.unpack(call.argv, index + 1) }, options = table.move(call.argv, 3, index - 1, 1, {}),
  }
end

function docker_containers.create(world, call, reach)
  local engine, container = world.engine, container_of(call)
  if not reach(engine, call) then return 1 end
  if not engine:image(container.image) then
    call:print("Error response from daemon: No such image: %s", container.image)
    return 1
  end
  table.insert(engine.containers, container)
  call:out(engine.id_of(container) .. "\n")
  return 0
end

function docker_containers.start(world, call, reach)
  local engine, name = world.engine, call.argv[#call.argv]
  local plan, found = engine:take_plan "run", nil
  if not reach(engine, call) then return 1 end
  for _, container in ipairs(engine.containers) do
    if container.name == name then found = container end
  end
  if not found then
    call:print("Error response from daemon: No such container: %s", name)
    return 1
  end
  table.insert(world.containers, found)
  local status = plan.fn and plan.fn(found, call)
  local prints = type(plan.prints) == "table" and table.concat(plan.prints, "\n") or plan.prints
  if prints then call:print("%s", prints) end
  call:wait(plan.seconds or 0)
  engine:remove_container(name) -- it was created with --rm
  return status or plan.exit or 0
end

function docker_containers.rm(world, call, reach)
  if not reach(world.engine, call) then return 1 end
  if not world.engine:remove_container(call.argv[#call.argv]) then
    call:print("Error response from daemon: No such container: %s", call.argv[#call.argv])
    return 1
  end
  return 0
end

function docker_containers.ps(world, call, reach)
  if not reach(world.engine, call) then return 1 end
  local label = call:option "--filter"
  for _, container in ipairs(world.engine:containers_with(label and label:match "^label=(.*)$")) do
    call:out(world.engine.id_of(container) .. "\n")
  end
  return 0
end

function docker_containers.container(world, call, reach)
  local list = {}
  if call.argv[3] ~= "inspect" then
    call:print("docker: 'container %s' is not a command of the test's world", tostring(call.argv[3]))
    return 1
  end
  for _, container in ipairs(reach(world.engine, call) and world.engine.containers or {}) do
    if call:has(world.engine.id_of(container)) then
      list[#list + 1] = {
        Id = world.engine.id_of(container), Name = "/" .. container.name, Config = { Labels = container.labels },
        Image = (world.engine:image(container.image) or {}).id, State = { Status = "exited" },
      }
    end
  end
  call:out((#list > 0 and json.encode(list) or "[]") .. "\n")
  return 0
end

return docker_containers
