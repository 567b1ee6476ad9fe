// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {PlainGovernor} from "../../contracts/mocks/PlainGovernor.sol";
import {RegistryGovernor} from "../../contracts/governance/RegistryGovernor.sol";
import {RegistryTimelock} from "../../contracts/governance/RegistryTimelock.sol";
import {RegistryToken} from "../../contracts/governance/RegistryToken.sol";
import {GovernorRules} from "../../contracts/interfaces/IRegistryGovernor.sol";
import {Allocation} from "../../contracts/interfaces/IRegistryToken.sol";

/// @dev The few cheat codes that are used; forge knows them at this address.
interface Vm {
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
    function toString(address account) external pure returns (string memory);
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title TallyLikeOpenZeppelins: the same votes give the same counts and the same end with ours and with theirs.
contract TallyLikeOpenZeppelins {
    uint256 private constant VOTERS = 6;

    RegistryToken private _token;
    IGovernor private _plain;
    IGovernor private _ours;
    uint256[2] private _ids;

    function setUp() external {
        VM.warp(1_800_000_000);
        RegistryTimelock timelock = new RegistryTimelock(1 days, address(this));
        Allocation[] memory shares = new Allocation[](VOTERS);
        for (uint256 i = 0; i < VOTERS; ++i) {
            // So uneven that any of them may tip a majority or the quorum.
            shares[i] = Allocation(_voter(i), 1e18 * (1 + i * i));
        }
        _token = new RegistryToken("Votes", "VOTE", shares);
        for (uint256 i = 0; i < VOTERS; ++i) {
            VM.prank(_voter(i));
            _token.delegate(_voter(i));
        }
        _plain = new PlainGovernor(_token, timelock, 1 hours, 1 days, 1, 25);
        _ours = new RegistryGovernor(
            _token, timelock, GovernorRules(1 hours, 1 days, 1, 25, 1, 6 hours, address(0), 0, 0)
        );
        VM.warp(block.timestamp + 1);
        _ids = [_propose(_plain), _propose(_ours)];
    }

    /// @param choices Two bits a voter: against, for, abstain, and not at all.
    /// @param moments When each votes, in eighths of the period.
    function testFuzz_countsAndEndAreTheSame(uint16 choices, uint24 moments) external {
        uint256 start = _ours.proposalSnapshot(_ids[1]) + 1;
        for (uint256 time = 0; time < 8; ++time) {
            VM.warp(start + time * 3 hours);
            for (uint256 i = 0; i < VOTERS; ++i) {
                uint8 support = uint8(choices >> (2 * i)) & 3;
                if (support == 3 || (moments >> (3 * i)) & 7 != time) continue;
                VM.prank(_voter(i));
                _plain.castVote(_ids[0], support);
                VM.prank(_voter(i));
                _ours.castVote(_ids[1], support);
            }
            (uint256 against, uint256 for_, uint256 abstain) =
                PlainGovernor(payable(address(_plain))).proposalVotes(_ids[0]);
            (uint256 against_, uint256 for__, uint256 abstain_) =
                RegistryGovernor(payable(address(_ours))).proposalVotes(_ids[1]);
            assert(against == against_ && for_ == for__ && abstain == abstain_);
        }
        // Ours may go on for a while after a late quorum.
        assert(_ours.proposalDeadline(_ids[1]) <= start + 1 days + 6 hours);
        VM.warp(start + 2 days);
        assert(_plain.state(_ids[0]) == _ours.state(_ids[1]));
    }

    function _propose(IGovernor governor) private returns (uint256) {
        (address[] memory targets, uint256[] memory values, bytes[] memory data) =
            (new address[](1), new uint256[](1), new bytes[](1));
        targets[0] = address(_token);
        VM.prank(_voter(0));
        return governor.propose(targets, values, data, string.concat("#proposer=", VM.toString(_voter(0))));
    }

    function _voter(uint256 index) private pure returns (address) {
        return address(uint160(0x1000 + index));
    }
}
