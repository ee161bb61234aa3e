# Builds classify.cpp with the OpenVINO that pip has installed: sh build.sh [PYTHON]
cd "$(dirname "$0")" || exit
openvino=$("${1:-python3}" -c 'import importlib.util as u; print(u.find_spec("openvino").submodule_search_locations[0])')
library=$(ls "$openvino"/libs/libopenvino.so.*)
g++ -std=c++17 -O2 -Wall -o "${CLASSIFY:-classify}" classify.cpp -I "$openvino/include" \
    "$library" -Wl,-rpath,"$openvino/libs"
